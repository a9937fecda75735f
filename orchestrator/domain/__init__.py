"""What Assay is about, in the standard library alone: vocabulary, rules and value objects."""
