/** The values of `restart.policy`: whether a container that has ended is started again. */
export const RESTART_POLICIES = ['no', 'on-failure', 'always', 'unless-stopped'] as const;
