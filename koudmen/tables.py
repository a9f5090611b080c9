"""All tables of all rooms, so that models and migrations can be compared."""

import base.audit
import base.heartbeat
import bot.learning_models
import bot.models
import dashboard.models
import directory.models
import messaging.models
import oncall.models
from base.db import Base

ROOMS = (
    base.audit, base.heartbeat, messaging.models, directory.models, oncall.models, bot.models, bot.learning_models,
    dashboard.models,
)  # fmt: skip
METADATA = Base.metadata
