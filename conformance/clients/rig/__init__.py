"""What scenarios share: building with other people's tools, running their programs, judging what came out."""
