# Makes torrents of version 2 (BEP 52) as libtorrent makes them: hybrid, and of version 2 only. Prints their hashes.
# libtorrent-hybrid.py SOURCE HYBRID V2-ONLY TRACKER
import json
import os
import sys
import libtorrent as lt

source, hybrid, only_v2, tracker = sys.argv[1:]


def make(path, flags):
    storage = lt.file_storage()
    lt.add_files(storage, source)
    maker = lt.create_torrent(storage, 32768, flags)
    maker.add_tracker(tracker)
    lt.set_piece_hashes(maker, os.path.dirname(source))
    with open(path, 'wb') as file:
        file.write(lt.bencode(maker.generate()))
    made = lt.torrent_info(path)
    return {
        'v1': str(made.info_hashes().v1) if made.info_hashes().has_v1() else None,
        'v2': str(made.info_hashes().v2),
        'magnet': lt.make_magnet_uri(made),
    }


print(json.dumps({
    'hybrid': make(hybrid, 0),
    'only': make(only_v2, lt.create_torrent.v2_only),
}))
