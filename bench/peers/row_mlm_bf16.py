"""A masked-LM step of 8 x 512 tokens in bf16 against eager PyTorch: speed and peak memory."""
import mlm_rows

mlm_rows.long_sequences("mlm_bf16", "MLM step, 8 x 512, bf16", "bf16", compiled=False, must=2.5, aim=3.5, memory_must=1 / 0.6)
