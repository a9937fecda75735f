"""Where everything is kept: SQL through SQLAlchemy, and the blobs. Nothing above imports SQLAlchemy."""
