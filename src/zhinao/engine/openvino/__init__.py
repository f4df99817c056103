"""OpenVINO GenAI in a process of its own, as an engine."""
