"""What people do with connections, pools, judges and presets: one module per journey, the only writers of their rows."""
