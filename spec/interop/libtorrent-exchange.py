# A libtorrent that downloads without a tracker, and prints the peers that it found by peer exchange (BEP 11).
# libtorrent-exchange.py TORRENT FOLDER RECONNECT [PORT]: RECONNECT is the number of seconds after which it
# dials a peer again, PORT is the peer on this machine that it knows.
import sys
import time
import libtorrent as lt

torrent, folder, reconnect, *known = sys.argv[1:]
session = lt.session({
    'listen_interfaces': '127.0.0.1:0',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'allow_multiple_connections_per_ip': True,  # All clients here share one address.
    'min_reconnect_time': int(reconnect),
    'enable_outgoing_utp': False, 'enable_incoming_utp': False,
})
params = lt.add_torrent_params()
params.ti = lt.torrent_info(torrent)
params.save_path = folder
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
handle = session.add_torrent(params)
print('listening', session.listen_port(), flush=True)
for port in known:
    handle.connect_peer(('127.0.0.1', int(port)))
while True:
    for peer in handle.get_peer_info():
        if int(peer.source) & int(lt.peer_info.pex):
            print('met by exchange', peer.ip[1], flush=True)
    time.sleep(0.2)
