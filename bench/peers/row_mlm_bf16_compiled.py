"""The same against torch.compile, whose peak memory is the smaller one."""
import mlm_rows

mlm_rows.long_sequences("mlm_bf16_compiled", "MLM step, 8 x 512, bf16, peer compiled", "bf16", compiled=True, must=2.5, aim=3.5,
                         memory_must=1 / 0.6)
