printf "PASS 40 of 40 points\n::error::owned\n::set-output name=x::y\n\033]0;owned\007\033[2J\r##[group]x\n"
exit 1
