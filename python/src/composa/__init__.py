"""Compose machines out of racks of composable hardware."""
