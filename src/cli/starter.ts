/**
 * The spec file that `niwa init` writes; it is valid on every host. "# " (with a blank) begins a comment. "#" without a
 * blank stands before a field that the user may enable; with all of these enabled the spec is valid too, which a test
 * checks.
 */
export const STARTER = `# A container of niwa. Show the steps of its start: niwa plan FILE. Run it: niwa run -f FILE
# Lines with "#" directly before a name are further fields: remove the "#" to use one.
# docs/spec.md describes all fields and their values. Only process.args is required;
# with an image it is optional, because the image has a command.

#id: hello                          # the name of the container; a random one by default
#owner: alice                       # the customer or account for which the usage is counted: niwa usage --by owner
#labels: {tier: front, job: "42"}   # names and values of your choice: niwa ps --label tier=front

process:
  args: [sh, -c, "echo hello from $(hostname)"]   # the program and its arguments, not a line of shell
  #env: {LANG: C.UTF-8, PORT: "8080"}   # nothing of niwad's environment is inherited; PATH is set
  #cwd: /usr                        # the working directory
  #user: "1000:1000"                # user and group in the container; root (0) by default
  #umask: "0027"
  #tty: true                        # a terminal: niwa run -it, niwa attach

# niwad stops the container this long after its start. Without it, there is no limit.
lifetime: 10m
#jitter: 1m                         # shortens the lifetime by a random time, so that not all containers end together
#stopSignal: SIGTERM                # the signal that asks the container to end
#stopTimeout: 5s                    # the time between that signal and SIGKILL
#ready: {http: {port: 8080, path: /}, timeout: 30s}   # the readiness check; or tcp: 8080
#hooks:                             # programs of the host that run at points of the container's life: docs/hooks.md
  #afterStart: [{args: [/usr/local/bin/register]}]
  #afterExit: [{args: [/usr/local/bin/unregister], timeout: 5s}]
#init: true                         # a small init as PID 1: it reaps processes that the program leaves behind
#restart: {policy: on-failure, max: 5}   # started again after a failure; always, unless-stopped: after every end

# Limits. Each needs its cgroup controller: "niwa doctor" says whether this host has it.
#resources:
  #cpu: {max: 0.5, weight: 100, burst: 10ms}   # processors; the share among containers; unused time that may be saved up
  #memory: {max: 256M, high: 200M, swapMax: 0} # killed above max, slowed above high
  #pids: 100                        # processes and threads
  #io:
    #- {device: /dev/vda, rbps: 20M, wbps: 10M} # bytes per second, of a whole disk

# The file tree. By default the host's own: the container sees what every user may read, and writes to a private overlay.
#root:
  #path: /srv/root                  # a directory; or file: a squashfs or erofs file; or image: a name that niwa image ls shows
  #readonly: false
  #overlay: {size: 64M}             # writes go to memory and are lost at the end; with false they go to the directory
#mounts:
  #- {type: bind, source: /srv/data, target: /data, readonly: true}   # a directory of the host; propagation: rslave shows later mounts, too
  #- {type: tmpfs, target: /scratch, size: 16M}                       # a file system in memory

#hostname: hello                    # the id by default
#network: {mode: bridge, ports: ["127.0.0.1:8080:80"]}   # reaches other hosts, and is reached at ports of this host: docs/network.md
#namespaces: {ipc: host}            # each is new, host, or a path; network: host uses the network of the host

# Rights. The defaults are few: see docs/security.md before giving more.
#capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}
#rlimits: {nofile: {soft: 1024, hard: 4096}, core: 0}
#oomScoreAdj: 200                   # the higher, the sooner the container is killed when the host has no memory left
`;
