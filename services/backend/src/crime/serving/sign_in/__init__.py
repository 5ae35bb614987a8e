"""Sign-in by OpenID Connect: who makes a request, and what that person or program may do. Off without an issuer."""
