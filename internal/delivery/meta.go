// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// The labels by which the objects of a bot are found, when all that is known is the bot.
const (
	botNamespaceLabel = spawnv1.GroupName + "/bot-namespace"
	botLabel          = spawnv1.GroupName + "/bot"
)

// ObjectMeta is that of a machine's Secret or Lease. No owner reference crosses namespaces: the Bot's finalizer deletes
// both.
func ObjectMeta(deliveryNamespace, machine, namespace, bot string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: deliveryNamespace, Name: machine, Labels: Labels(namespace, bot)}
}

// Labels are those of all objects of a bot's machines.
func Labels(namespace, bot string) map[string]string {
	return map[string]string{botNamespaceLabel: namespace, botLabel: bot}
}

// BotOf is the Bot that an object is labelled with; false when it is none of a bot's.
func BotOf(object metav1.Object) (types.NamespacedName, bool) {
	labels := object.GetLabels()
	key := types.NamespacedName{Namespace: labels[botNamespaceLabel], Name: labels[botLabel]}
	return key, key.Namespace != "" && key.Name != ""
}
