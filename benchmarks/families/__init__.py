"""Model families that people have, each through the same recipes, with the plugin and by hand."""
