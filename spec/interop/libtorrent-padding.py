# Makes a torrent with padding files (BEP 47) as libtorrent makes it, and says what it counts.
# libtorrent-padding.py FOLDER TORRENT TRACKER
import json
import os
import sys
import libtorrent as lt

folder, torrent, tracker = sys.argv[1:]
storage = lt.file_storage()
lt.add_files(storage, folder)
maker = lt.create_torrent(storage, 32768, lt.create_torrent.v1_only | lt.create_torrent.canonical_files)
maker.add_tracker(tracker)
lt.set_piece_hashes(maker, os.path.dirname(folder))
content = lt.bencode(maker.generate())
with open(torrent, 'wb') as file:
    file.write(content)
made = lt.torrent_info(torrent)
files = made.files()
params = lt.add_torrent_params()
params.ti = made
params.save_path = os.path.dirname(folder)
session = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False})
handle = session.add_torrent(params)
while handle.status().state != lt.torrent_status.seeding:
    session.wait_for_alert(100)
    session.pop_alerts()
status = handle.status()
print(json.dumps({
    'infoHash': str(made.info_hash()),
    'totalBytes': status.total_wanted,
    'doneBytes': status.total_done,
    'paddedBytes': made.total_size(),
    'files': [files.file_path(at) for at in range(files.num_files())
              if not files.file_flags(at) & lt.file_flags_t.flag_pad_file],
}))
