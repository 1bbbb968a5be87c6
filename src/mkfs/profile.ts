/**
 * Profiles: the defaults, the options and the geometry block of one xfsprogs release each. Ours is 6.6: the features
 * that every kernel since 6.1 mounts. Releases between two profiles behave as the lower one.
 *
 * A profile that is asked for by name knows only the options of its release, so that a line that the reference tool
 * refuses is refused here too; without a name every option is known.
 */

export const PROFILES = ['6.1', '6.6', '6.12', '6.18'] as const;
export type Profile = (typeof PROFILES)[number];

export const OUR_PROFILE: Profile = '6.6';

/** A default value: one for all profiles, or that of the first profile and where it changed later. */
export type Default = number | { readonly first: number; readonly since: Profile; readonly later: number };

export function isProfile(text: string): text is Profile {
  return (PROFILES as readonly string[]).includes(text);
}

/** Whether `profile` is of the release `since` or a later one. */
export function isSince(profile: Profile, since: Profile): boolean {
  return PROFILES.indexOf(profile) >= PROFILES.indexOf(since);
}

export function defaultIn(value: Default, profile: Profile): number {
  if (typeof value === 'number') return value;
  return isSince(profile, value.since) ? value.later : value.first;
}
