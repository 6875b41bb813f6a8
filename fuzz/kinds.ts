import { AnswerCase } from './answers.js'
import type { Kind } from './campaign.js'
import { RequestCase } from './requests.js'
import { UpgradeCase } from './upgrades.js'

export const kinds: readonly Kind[] = [
  { name: 'requests', make: (random, number) => new RequestCase(random, number) },
  { name: 'answers', make: (random, number) => new AnswerCase(random, number) },
  { name: 'upgrades', make: (random, number) => new UpgradeCase(random, number) }
]
