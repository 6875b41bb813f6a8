import { Default, Duration, OneOf, Optional, Section } from './kinds.js'

/** How the names of an upstream's targets are looked up. */
export const Dns = Section(
  'Make a target of each address that the name of a target stands for, and look the name up again and again. A look-up that fails changes nothing. ' +
  'At most 256 addresses of a name are used.', {
    refresh: Default('30s', Duration('From one look-up to the next at most, give or take a tenth. A shorter time to live counts, down to a second.')),
    type: Optional(OneOf(
      'Ask DNS itself: for addresses (`"a"` of IPv4, `"aaaa"` of IPv6), or for `"srv"`, whose records give ports and weights, and by their priorities the targets and the backups. ' +
      '`/etc/hosts` and search domains do not count then.', ['a', 'aaaa', 'srv']), 'as the system does it')
  }, { errorMessage: 'must be an object such as { "refresh": "30s" }' })
