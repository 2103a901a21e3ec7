import * as actions from './actions'
import { hitl } from './channel'
import { handler } from './handler'
import { register, unregister } from './setup'
import { Integration } from './types'

export default new Integration({ register, unregister, handler, actions, channels: { hitl } })
