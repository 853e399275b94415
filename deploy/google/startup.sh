#!/usr/bin/env bash
# Startup script of every instance: what it is to be stands in its metadata. It installs the released package whose checksum is
# there, fetches and verifies weights, and starts the units. At the next boot all of that is there already.
set -euo pipefail

metadata=${INKFLEET_METADATA:-http://metadata.google.internal}
storage=${INKFLEET_STORAGE:-https://storage.googleapis.com}

ask() { curl --fail --silent --show-error --retry 5 -H 'Metadata-Flavor: Google' "$metadata/computeMetadata/v1/instance/$1"; }
attribute() { ask "attributes/inkfleet-$1"; }
say() { echo "inkfleet: $*"; }

# fetch gs://BUCKET/OBJECT SHA256 FILE
fetch() {
  local token
  token=$(ask service-accounts/default/token | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')
  curl --fail --silent --show-error --location --retry 5 --config - "$storage/${1#gs://}" --output "$3" \
    <<<"header = \"Authorization: Bearer $token\""
  echo "$2  $3" | sha256sum --check --quiet
}

# write FILE < CONTENT: readable by the services' group, complete or not there.
write() {
  mkdir -p "$(dirname "$1")"
  cat >"$1.new"
  chown root:inkfleet "$1.new"
  chmod 640 "$1.new"
  mv "$1.new" "$1"
}

install_package() {
  local sha256 release
  sha256=$(attribute package-sha256)
  release=/opt/inkfleet/$program/releases/${sha256:0:12}
  if [ ! -e "$release" ]; then
    mkdir -p "$release.new"
    fetch "$(attribute package)" "$sha256" "$release.tar.gz"
    tar -xzf "$release.tar.gz" -C "$release.new"
    rm "$release.tar.gz"
    mv "$release.new" "$release"
  fi
  ln -sfn "releases/$(basename "$release")" "/opt/inkfleet/$program/current"
  systemd-sysusers "$release/systemd/inkfleet.sysusers"
  install -m 644 "$release"/systemd/*.service /etc/systemd/system/
  say "$program is $(basename "$release")"
}

start_model() {
  local name port unit
  name=$(attribute model)
  port=$(attribute env | sed -n 's/^INKFLEET_LISTEN=.*://p')
  unit=inkfleet-model@$name:1.service
  /opt/inkfleet/model/current/bin/inkfleet-fetch-weights "$(attribute weights)" "$(attribute weights-sha256)" /var/lib/inkfleet/models/current
  attribute env | write "/etc/inkfleet/models/$name:1.env"
  mkdir -p "/etc/systemd/system/$unit.d"
  printf '[Service]\nTimeoutStartSec=%s\nTimeoutStopSec=%s\n' "$(attribute load-seconds)" "$(attribute stop-seconds)" \
    >"/etc/systemd/system/$unit.d/times.conf"
  if [ "$(attribute gpu)" = true ]; then
    cp /opt/inkfleet/model/current/systemd/inkfleet-model-gpu.conf "/etc/systemd/system/$unit.d/"
  fi
  systemctl daemon-reload
  systemctl start "$unit" "inkfleet-saturation@$port.service"
}

start_gateway() {
  attribute gateway | write /etc/inkfleet/gateway.template.json
  attribute members | write /etc/inkfleet/members.json
  [ -e /etc/inkfleet/gateway.json ] || attribute gateway | write /etc/inkfleet/gateway.json
  systemctl daemon-reload
  systemctl start inkfleet-gateway.service inkfleet-find-services.service
}

program=$(attribute program)
install_package
"start_$program"
say "started"
