"""A checkpoint as an OpenVINO graph: layers, weights in their precision, rotary frequencies. For the engine and for export."""
