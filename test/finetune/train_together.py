"""One of several processes that train together on the CPU: as many steps as the sampler gives batches.

Arguments: its number, how many processes, a file by which they find each other, clips, clips of a batch.
"""

import sys
from datetime import timedelta

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from har_ros.finetune.sampler import EpochSampler


class Keys(torch.utils.data.Dataset):
    def __getitem__(self, key):
        return torch.tensor([float(key[1])])


def main(rank, world, meeting, clips, batch_size):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=world, timeout=timedelta(seconds=100)
    )
    network = DistributedDataParallel(torch.nn.Linear(1, 1))
    seen = []
    for epoch in range(2):
        sampler = EpochSampler(clips)
        sampler.set_epoch(epoch)
        loader = DataLoader(Keys(), batch_size, sampler=sampler)
        assert len(loader) == -(-len(sampler) // batch_size)
        for batch in loader:
            network(batch).sum().backward()  # waits for the others' gradients
            seen.append(batch.flatten().tolist())
    torch.distributed.barrier()
    print(seen)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
