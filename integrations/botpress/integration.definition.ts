import * as sdk from '@botpress/sdk'
import hitl from './interfaces/hitl'
import { configuration, session, tags } from './src/definitions'

export default new sdk.IntegrationDefinition({
  name: 'hitl-bridge',
  version: '1.0.0',
  title: 'HITL bridge',
  description: 'Hands conversations to agents in HubSpot, LiveChat, Zoho SalesIQ or Intercom through your own HITL bridge.',
  readme: 'hub.md',
  icon: 'icon.svg',
  configuration: { schema: configuration },
  user: { tags: tags.user },
  entities: {
    ticket: { title: 'Ticket', description: 'How the session is opened in the help desk', schema: session },
  },
}).extend(hitl, ({ entities }) => ({
  entities: { hitlSession: entities.ticket },
  channels: {
    hitl: {
      title: 'HITL session',
      description: 'Between the end user and an agent of the help desk',
      conversation: { tags: tags.conversation },
      message: { tags: tags.message },
    },
  },
}))
