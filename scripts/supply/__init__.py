"""Parts of a release: reproducible images, their bills of materials, provenance, and the vulnerability report."""
