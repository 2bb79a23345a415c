/**
 * The spec file that `niwa init` writes; it is valid on every host. "# " (with a blank) begins a comment. "#" without a
 * blank stands before a field that the user may enable; with all of these enabled the spec is valid too, which a test
 * checks.
 */
export const STARTER = `# A container of niwa. What a start would do:  niwa plan FILE    Run it:  niwa run -f FILE
# Lines with "#" directly before a name are fields to choose from: take the "#" away.
# All fields and what else they take: docs/spec.md. Only process.args is needed,
# and not even that with an image, which has a command of its own.

#id: hello                          # its name; a random one where it is left out
#owner: alice                       # whom it is billed to: niwa usage --by owner
#labels: {tier: front, job: "42"}   # any names and values: niwa ps --label tier=front

process:
  args: [sh, -c, "echo hello from $(hostname)"]   # the program and its arguments, not a line of shell
  #env: {LANG: C.UTF-8, PORT: "8080"}   # nothing else is inherited, but PATH is there
  #cwd: /usr                        # the working directory
  #user: "1000:1000"                # user and group inside; root (0) where it is left out
  #umask: "0027"
  #tty: true                        # a terminal: niwa run -it, niwa attach

# How long it may live from its start, whatever it does. Leave it out for no end.
lifetime: 10m
#jitter: 1m                         # shortens that at random, so that not all end together
#stopSignal: SIGTERM                # what asks it to end
#stopTimeout: 5s                    # what it gets from then to the kill
#ready: {http: {port: 8080, path: /}, timeout: 30s}   # when it counts as ready; or tcp: 8080
#hooks:                             # programs of the host at points of its life: docs/hooks.md
  #afterStart: [{args: [/usr/local/bin/register]}]
  #afterExit: [{args: [/usr/local/bin/unregister], timeout: 5s}]
#init: true                         # a small init as PID 1 that reaps what the program leaves behind
#autoRemove: true                   # forgotten with its log when it has ended

# Limits. Each needs its cgroup controller: "niwa doctor" says whether this host has it.
#resources:
  #cpu: {max: 0.5, weight: 100, burst: 10ms}   # processors; the share against others; what may be saved up
  #memory: {max: 256M, high: 200M, swapMax: 0} # killed above max, slowed above high
  #pids: 100                        # processes and threads
  #io:
    #- {device: /dev/vda, rbps: 20M, wbps: 10M} # bytes a second, of a whole disk

# The file tree. Without it: the host's own, read as a stranger, with a private overlay for what is written.
#root:
  #path: /srv/root                  # a directory with another one; or file: a squashfs or erofs file; or image: a name of niwa image ls
  #readonly: false
  #overlay: {size: 64M}             # writes go to memory and are lost at the end; false: to the directory itself
#mounts:
  #- {type: bind, source: /srv/data, target: /data, readonly: true}   # of the host; propagation: rslave for later mounts
  #- {type: tmpfs, target: /scratch, size: 16M}                       # memory

#hostname: hello                    # the id where it is left out
#network: {mode: bridge, ports: ["127.0.0.1:8080:80"]}   # reaches the world, and is reached at ports of the host: docs/network.md
#namespaces: {ipc: host}            # each new, host, or a path; network: host instead of the bridge

# Rights. The defaults are few: see docs/security.md before giving more.
#capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}
#rlimits: {nofile: {soft: 1024, hard: 4096}, core: 0}
#oomScoreAdj: 200                   # the higher, the sooner it is killed when the host has no memory
`;
