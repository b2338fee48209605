"""One supervised process a home: collects, evaluates, keeps schedules, carries actions out through the SDK."""
