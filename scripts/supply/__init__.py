"""What a release does besides building and pushing: images of fixed content, what is in them, and where from."""
