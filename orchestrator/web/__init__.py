"""The pages: what people see of Assay in a browser."""
