"""What the gateway's benchmark consists of: an upstream, the gateway, nginx and LiteLLM beside it, the load."""
