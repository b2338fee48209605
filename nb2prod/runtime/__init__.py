"""What ships with a model: the ASGI front, the Bento service, protocols, validation, recorder, counting, flavors."""
