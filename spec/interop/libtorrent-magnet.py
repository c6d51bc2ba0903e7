# A libtorrent with a magnet link and one peer on this machine (BEP 9).
# libtorrent-magnet.py LINK FOLDER PORT: ends when it has everything.
import sys
import libtorrent as lt

link, folder, port = sys.argv[1:]
session = lt.session({
    'listen_interfaces': '127.0.0.1:0',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'allow_multiple_connections_per_ip': True,  # All clients here share one address.
    'enable_outgoing_utp': False, 'enable_incoming_utp': False,
    'alert_mask': lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
})
params = lt.parse_magnet_uri(link)
params.save_path = folder
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
handle = session.add_torrent(params)
print('listening', session.listen_port(), flush=True)
handle.connect_peer(('127.0.0.1', int(port)))
while not handle.status().is_seeding:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        print(alert, flush=True)
del handle, session  # Waits until all is written.
