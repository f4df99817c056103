"""Several processes as one: DDP, DeepSpeed, FSDP2, sequence parallelism."""
