"""What the embedded PostgreSQL is told on its command line."""

from collections.abc import Mapping
from pathlib import Path

import psutil


def server_settings(socket_folder: Path, *, durable: bool) -> Mapping[str, str]:
    """By their names. `durable=False` is for tests: a power cut may lose the data."""
    memory = psutil.virtual_memory().total // 2**20
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{min(max(memory // 16, 128), 1024)}MB",
        "effective_cache_size": f"{max(memory // 3, 256)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        # A million messages are about 1 GB of WAL: with the default of 1 GB a campaign would checkpoint all the time.
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        # pglz, the one that is built in, costs more than the bytes it saves: sending 50,000 messages after a checkpoint
        # took 1.29 times as long as without a journal, and then 1.21 to 1.23.
        "wal_compression": "off",
        "random_page_cost": "1.1",
        "jit": "off",  # compiling costs more than the short statements here take
        "synchronous_commit": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_duration_statement": "5000",
        "log_parameter_max_length": "0",  # parameters are people's addresses
        "log_min_error_statement": "panic",  # and so are statements; the error itself says enough
    }
    if not durable:
        settings |= {
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "autovacuum": "off",
        }
        settings |= {"shared_buffers": "128MB", "max_wal_size": "1GB"}
    return settings
