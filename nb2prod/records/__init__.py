"""The typed records that pass between rooms: frozen, without behaviour beyond reading and writing themselves."""
