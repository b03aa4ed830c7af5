"""What a model gives under recipes, without a limit: looks at figures, and first budget files."""
