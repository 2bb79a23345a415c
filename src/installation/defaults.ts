/** The default paths and settings, for what the configuration leaves out. */
export const DEFAULT_CONFIG_FILE = '/etc/niwa/niwad.yaml';
export const DEFAULT_RUN_DIR = '/run/niwa';
export const DEFAULT_STATE_DIR = '/var/lib/niwa';
export const DEFAULT_SOCKET = `${DEFAULT_RUN_DIR}/niwad.sock`;
export const DEFAULT_CGROUP = 'niwa';

/**
 * The pool of ranges of 65,536 host ids: above the ids that distributions and systemd-nspawn give out, and below 2^31.
 */
export const DEFAULT_ID_POOL = { start: 0x7000_0000, count: 4096 };

/**
 * The bridge of containers: a part of 10.0.0.0/8 that no other runtime takes by default, and a unique local prefix (RFC
 * 4193).
 */
export const DEFAULT_NETWORK = {
  bridge: 'niwa0',
  subnet: '10.209.0.0/16',
  subnet6: 'fd6e:6977:6100::/64',
  mtu: 1500,
  connectionsPerContainer: 16_384,
};
