# Drives libtorrent for the interop specs: it has no command line of its own in Debian.
# libtorrent-client.py seed|download TORRENT|MAGNET FOLDER HOST [encrypted]
import sys
import libtorrent as lt

mode, torrent, folder, host, *more = sys.argv[1:]
session = lt.session({
    'listen_interfaces': f'[{host}]:0' if ':' in host else f'{host}:0',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'allow_multiple_connections_per_ip': True,  # All clients here share one address.
    'enable_outgoing_utp': False, 'enable_incoming_utp': False,
    'alert_mask': lt.alert.category_t.status_notification | lt.alert.category_t.error_notification
        | lt.alert.category_t.tracker_notification,
})
if 'encrypted' in more:
    forced = int(lt.enc_policy.forced)
    session.apply_settings({'in_enc_policy': forced, 'out_enc_policy': forced})
if torrent.startswith('magnet:'):
    params = lt.parse_magnet_uri(torrent)
else:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
params.save_path = folder
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
if mode == 'seed':
    params.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(params)
print('listening', session.listen_port(), flush=True)
while mode == 'seed' or not handle.status().is_seeding:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        print(alert, flush=True)
        if isinstance(alert, lt.tracker_reply_alert):
            wait = handle.status().next_announce
            print('next announce in', round(wait.total_seconds()), 's', flush=True)
del handle, session  # Waits until all is written.
