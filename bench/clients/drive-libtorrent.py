# Drives libtorrent for the comparison, set up for speed on one machine: no limits, no encryption, no
# other way to find peers, many connections to one address, as many hash threads as cores.
# drive-libtorrent.py version
# drive-libtorrent.py download|seed|recheck TORRENT FOLDER PORT [HOST:PORT,…]
import os
import sys
import libtorrent as lt

if sys.argv[1] == 'version':
    print(lt.__version__)
    sys.exit()

mode, torrent, folder, port = sys.argv[1:5]
peers = [peer.rsplit(':', 1) for peer in sys.argv[5].split(',')] if len(sys.argv) > 5 else []
settings = lt.high_performance_seed() if mode == 'seed' else {}
settings.update({
    'listen_interfaces': f'127.0.0.1:{port}',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_outgoing_utp': False, 'enable_incoming_utp': False,
    'out_enc_policy': 2, 'in_enc_policy': 2,
    'allow_multiple_connections_per_ip': True,
    'connections_limit': 1000, 'connection_speed': 1000, 'torrent_connect_boost': 255,
    'unchoke_slots_limit': -1, 'active_limit': -1,
    'download_rate_limit': 0, 'upload_rate_limit': 0,
    'max_out_request_queue': 2000, 'max_allowed_in_request_queue': 2000,
    'max_queued_disk_bytes': 64 * 1024 * 1024,
    'hashing_threads': max(2, len(os.sched_getaffinity(0))),
    'alert_mask': lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
})
known = lt.default_settings()
session = lt.session({name: value for name, value in settings.items() if name in known})
params = lt.add_torrent_params()
params.ti = lt.torrent_info(torrent)
params.save_path = folder
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
if mode == 'seed':
    params.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(params)
for host, peer_port in peers:
    handle.connect_peer((host, int(peer_port)))
if mode == 'seed':
    while handle.status().state != lt.torrent_status.states.seeding:
        session.wait_for_alert(100)
        session.pop_alerts()
    print('ready', flush=True)
while mode == 'seed' or not handle.status().is_seeding:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        if alert.category() & lt.alert.category_t.error_notification:
            print(alert, flush=True)
del handle, session  # Waits until all is written.
