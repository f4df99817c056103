"""Continued pre-training, supervised fine-tuning and preference tuning on transformers, accelerate, TRL and PEFT."""
