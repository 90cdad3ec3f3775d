"""What is written down of namespaces: held against the tools that read it."""
