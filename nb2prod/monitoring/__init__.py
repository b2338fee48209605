"""From counts to verdicts. It never acts: it writes Action records."""
