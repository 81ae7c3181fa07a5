#!/bin/sh
# Leave a virtual machine of the lab without a way to the Internet, now and after reboots; the
# machine it runs on goes on reaching it. Needs root, iproute2 and systemd.
#   offline.sh GATEWAY
# GATEWAY is the lab's own network's .1, which forwards nothing. Two routes, each to one half of all
# addresses, win over any default route that DHCP brings; the networks the machine is on win over
# them. Where GATEWAY's interface is down the same halves are unreachable. A default route there is
# nevertheless, as K3s wants one.
set -eu

gateway=$1
ip=$(command -v ip || echo /usr/sbin/ip)
unit=edgeboot-lab-offline.service

cat >"/etc/systemd/system/$unit" <<EOF
[Unit]
Description=No way to the Internet (edgeboot lab)
After=network.target systemd-networkd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$ip route replace unreachable 0.0.0.0/1 metric 4096
ExecStart=$ip route replace unreachable 128.0.0.0/1 metric 4096
ExecStart=-$ip -6 route replace unreachable ::/1 metric 4096
ExecStart=-$ip -6 route replace unreachable 8000::/1 metric 4096
ExecStart=$ip route replace 0.0.0.0/1 via $gateway
ExecStart=$ip route replace 128.0.0.0/1 via $gateway
ExecStart=$ip route replace default via $gateway metric 4096
Restart=on-failure
RestartSec=2

[Install]
WantedBy=multi-user.target
EOF
systemctl daemon-reload
systemctl --quiet enable "$unit"
systemctl restart "$unit"
