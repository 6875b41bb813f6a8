import { ResponseCase } from './responses.js'
import type { Kind } from './campaign.js'
import { RequestCase } from './requests.js'
import { UpgradeCase } from './upgrades.js'

export const kinds: readonly Kind[] = [
  { name: 'requests', make: (random, number) => new RequestCase(random, number) },
  { name: 'responses', make: (random, number) => new ResponseCase(random, number) },
  { name: 'upgrades', make: (random, number) => new UpgradeCase(random, number) }
]
