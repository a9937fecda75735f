"""The wire's models: camelCase and epoch milliseconds live here, and nowhere further in."""
