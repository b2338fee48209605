"""The training data as counts on frozen bins: build, update, merge. numpy alone."""
