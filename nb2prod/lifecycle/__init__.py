"""What happens to a deployment after it is live: promote, rollback, upkeep."""
