"""The network as it is trained: loading, adapters, attention, the last layer and its loss."""
