import { ResponseCase } from './responses.js'
import type { Kind } from './campaign.js'
import { Http2Case } from './http2.js'
import { RequestCase } from './requests.js'
import { UpgradeCase } from './upgrades.js'
import { UploadCase } from './uploads.js'

export const kinds: readonly Kind[] = [
  { name: 'requests', make: (random, number) => new RequestCase(random, number) },
  { name: 'responses', make: (random, number) => new ResponseCase(random, number) },
  { name: 'upgrades', make: (random, number) => new UpgradeCase(random, number) },
  { name: 'uploads', make: (random, number) => new UploadCase(random, number) },
  { name: 'http2', isHttp2: true, make: (random, number) => new Http2Case(random, number) }
]
