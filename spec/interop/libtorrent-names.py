# Says under which paths libtorrent stores the files of torrents with any names.
# Reads lines of JSON {"name": HEX, "paths": [[HEX, ...], ...] or null}; answers each with a line: the
# list of paths, or a text that says why the torrent was refused.
import json
import sys
import libtorrent as lt


def paths_of(torrent):
    info = {b'name': bytes.fromhex(torrent['name']), b'piece length': 16384}
    if torrent['paths'] is None:
        info[b'length'] = 1
        count = 1
    else:
        count = len(torrent['paths'])
        info[b'files'] = [
            {b'length': 1, b'path': [bytes.fromhex(part) for part in path]}
            for path in torrent['paths']
        ]
    info[b'pieces'] = b'x' * 20 * -(-count // 16384)
    try:
        files = lt.torrent_info(lt.bdecode(lt.bencode({b'info': info}))).files()
    except RuntimeError as error:
        return str(error)
    return [files.file_path(at) for at in range(files.num_files())]


for line in sys.stdin:
    print(json.dumps(paths_of(json.loads(line))))
